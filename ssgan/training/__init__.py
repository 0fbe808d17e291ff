"""What the training module is made of beside the objectives: noise, averages, optimisers, members, counts of errors."""

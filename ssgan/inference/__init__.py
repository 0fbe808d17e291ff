"""What a trained model does: classify, generate, and be measured."""

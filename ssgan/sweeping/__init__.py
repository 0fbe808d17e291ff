"""Many runs by one command: their folders, what each job does, and how the whole of it fares."""

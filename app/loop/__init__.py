"""What the loop in `app/pipeline.py` is made of: channels, the scheduler, the workers, and the outputs."""

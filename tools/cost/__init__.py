"""A cost model of the Jetson Nano: what a network must do, and the time that the board's peaks allow for it."""

from support.training_state import nothing_global_is_left  # noqa: F401

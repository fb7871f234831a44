"""Cameras on the network that tests and soaks start: RTSP, Motion JPEG, and a proxy that spoils connections."""

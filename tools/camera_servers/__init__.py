"""Network cameras for tests and stress tests: RTSP, Motion JPEG, and a proxy that disturbs connections."""

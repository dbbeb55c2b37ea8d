"""What the computing process can do for a window: one function per request, which yields events."""

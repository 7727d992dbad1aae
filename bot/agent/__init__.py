"""The agent, a child process: all use of PJSIP, on one thread, without numpy, click and the parent."""

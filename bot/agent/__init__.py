"""The child process: everything of PJSIP, on one thread, and nothing of numpy, click or the parent."""

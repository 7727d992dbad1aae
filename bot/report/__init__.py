"""Reports of a run, made from the journal and the call records."""

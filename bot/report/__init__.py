"""What a run leaves behind: each report reads the journal and the calls' records and touches no call."""

"""Parts of the answering machine: mailbox, message recorder, message retrieval, PIN."""

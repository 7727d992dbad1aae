"""Access to C functions of the library without bindings: prototypes, structures, SIP modules."""

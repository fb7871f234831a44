"""Commands for the developer's machine: one file each, with a main()."""

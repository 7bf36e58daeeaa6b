"""Where densities of states come from: files of other programs, and the open DOS set."""

"""Times, memory and image quality beside the peers: SigPy, BART, pygrappa, mrpro and deepinv."""

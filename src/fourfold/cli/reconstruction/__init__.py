"""What `fourfold recon` is made of: preparation of scans, the run over a volume, kept frames, outputs."""

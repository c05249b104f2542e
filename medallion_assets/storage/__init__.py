"""Storage: local folders and S3, the only set-up of either, and temporary folders."""

"""What every implementation of a seam in `digest.ports` has to do, run over all of them."""

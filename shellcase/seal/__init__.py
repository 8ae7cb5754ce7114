"""Sealing a case and checking a seal: BagIt bag, canonical manifest, signature, time stamp, Merkle root."""

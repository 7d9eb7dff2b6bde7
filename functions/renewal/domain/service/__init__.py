"""Whether clients meet a certificate: what its endpoints present, compared with the order book."""

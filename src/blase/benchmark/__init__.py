"""What blasé costs on this machine, beside what the same job costs with windows of a fixed size."""

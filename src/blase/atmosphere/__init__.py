"""The Earth's atmosphere from physics: line lists, layers, transmission."""

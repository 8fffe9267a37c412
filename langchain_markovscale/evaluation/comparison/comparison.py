class Comparison:
    def __init__(self, f):
        self.findings = f

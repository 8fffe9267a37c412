"""What every test runs under: nothing leaves this machine, and equal runs give equal results."""

import os
import signal

import hypothesis

# Before any test module imports the libraries that read them.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["LANGSMITH_TRACING"] = "false"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
for name in ("LANGCHAIN_TRACING_V2", "LANGSMITH_API_KEY"):
    os.environ.pop(name, None)

# A suite that was started in the background ignores Ctrl-C, and so would the processes that tests
# start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The examples of hypothesis' own profile for CI: seeded by the test, without a time limit.
hypothesis.settings.load_profile("ci")

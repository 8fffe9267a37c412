"""The loop as a LangGraph state machine: state, nodes, the looping edge, and the graph of all."""

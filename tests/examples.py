"""Examples of a README as a reader pastes them."""

import ast
import builtins

# In what the reader already has.
READERS_OWN = {"builder", "state", "END", "tools", "retrieval_chain"}


def imports_in(block):
    """The import statements of an example."""
    return [
        node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Import | ast.ImportFrom)
    ]


def unknown_names(block):
    """The names that an example uses, and neither makes, imports nor finds with its reader."""
    tree = ast.parse(block)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    imported = {alias.name for node in imports_in(block) for alias in node.names}
    made = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    made |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    made |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    used = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    return used - imported - made - READERS_OWN - set(dir(builtins))

"""From a path and an entry point to a callable."""

import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import sys
import traceback

# What a package without an entry point is asked for: a function, else a whole application.
DEFAULTS = ("main", "app", "application")
_HERE = os.path.dirname(os.path.abspath(__file__))


class LoadError(Exception):
    """The code cannot be used; the text is for whoever deployed it."""


def load(filepath, entry):
    """Imports the module and returns its function. Raises LoadError with the language's own trace."""
    module_name, function_name, named = split_entry(entry)
    try:
        if os.path.isdir(filepath):
            module = _import_from_folder(filepath, module_name, named)
        elif os.path.exists(filepath):
            _enter(os.path.dirname(filepath))
            module = _import_file(module_name, filepath)
        else:
            raise LoadError(f"there is no file or folder {filepath}")
    except LoadError:
        raise
    except BaseException as error:  # sys.exit() at import time is a load error as well
        if isinstance(error, KeyboardInterrupt):
            raise
        raise LoadError(user_trace(error)) from None
    return _pick(module, [function_name] if (entry or "").strip() else DEFAULTS)


def split_entry(entry):
    """`module.func`, `func` (module main), "" (main.main) → module, function, whether a module was named."""
    module, dot, function = (entry or "").strip().rpartition(".")
    if dot and module and function:
        return module, function, True
    return "main", function or "main", False


def user_trace(error):
    """The trace without the loader's own frames."""
    outer = traceback.TracebackException.from_exception(error)
    trace = outer
    while trace is not None:
        trace.stack = traceback.StackSummary.from_list([f for f in trace.stack if not _is_own(f.filename)])
        trace = trace.__cause__ or trace.__context__
    return "".join(outer.format()).rstrip("\n")


def _is_own(filename):
    return filename.startswith((_HERE, "<frozen importlib", os.path.dirname(importlib.__file__)))


def _import_from_folder(folder, module_name, named):
    _enter(folder)
    names = os.listdir(folder)
    if not named and not _has_module(names, module_name):
        module_name = _sole_module(names) or module_name
    top, _, rest = module_name.partition(".")
    if not rest and top + ".py" in names and top not in names:
        # Also for a file called like a module already loaded (secrets.py, platform.py …): it is the user's all the same.
        return _import_file(top, os.path.join(folder, top + ".py"))
    if not _has_module(names, top) and (not named or importlib.util.find_spec(top) is None):
        raise LoadError(f"ModuleNotFoundError: the package has no module {top}.py; it has: "
                        f"{', '.join(sorted(names)[:20]) or 'nothing'}")
    return importlib.import_module(module_name)


def _enter(folder):
    folder = folder or "."
    if folder not in sys.path:
        sys.path.insert(0, folder)
    os.chdir(folder)


def _import_file(name, path):
    loader = importlib.machinery.SourceFileLoader(name, path)
    spec = importlib.machinery.ModuleSpec(name, loader, origin=path)
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    mine = name not in sys.modules
    if mine:
        sys.modules[name] = module
    try:
        _execute(loader, module, path)
    except BaseException:
        if mine:
            sys.modules.pop(name, None)
        raise
    return module


def _execute(loader, module, path):
    """What the loader's exec_module does, without the search for a cached file where there is none."""
    if os.path.isdir(os.path.join(os.path.dirname(path), "__pycache__")):
        return loader.exec_module(module)
    with open(path, "rb", buffering=0) as source:
        code = loader.source_to_code(source.read(), path)
    exec(code, vars(module))


def _has_module(names, module):
    return module + ".py" in names or module in names or any(n.startswith(module + ".") and n.endswith(".so") for n in names)


def _sole_module(names):
    modules = [n[:-3] for n in names if n.endswith(".py") and n != "__init__.py"]
    return modules[0] if len(modules) == 1 else None


def _pick(module, names):
    for name in names:
        function = getattr(module, name, None)
        if callable(function):
            return function
    function_name, function = names[0], getattr(module, names[0], None)
    name = getattr(module, "__name__", "module")
    if function is not None:
        raise LoadError(f"{function_name} in module {name} is a {type(function).__name__}, not a function")
    there = [n for n, value in vars(module).items() if inspect.isfunction(value) and not n.startswith("_")]
    raise LoadError(f"AttributeError: module {name} has no function {function_name}; it has: "
                    f"{', '.join(there) or 'none'}")

"""The classes that the host calls have the methods of the contract, as componentize-py generates it: for mypy only."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wit_world import exports as contract

    from saggar_guest import exports

    processor: contract.Processor = exports.Processor()
    id_source: contract.IdSource = exports.IdSource()
    add_handler: contract.AddHandler = exports.AddHandler()
    progress_handler: contract.ProgressHandler = exports.ProgressHandler()
    success_handler: contract.SuccessHandler = exports.SuccessHandler()
    error_handler: contract.ErrorHandler = exports.ErrorHandler()

"""Many agents as one endpoint: their call slots, start, renewal and replacement."""

from bot.fleet.fleet import Fleet, FleetBusy
from bot.fleet.member import Member

__all__ = ["Fleet", "FleetBusy", "Member"]

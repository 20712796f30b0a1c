"""Which policies are there?"""

from commands.policies.budgets import NOTE_BUDGET_USE
from commands.policies.incidents import ANNOUNCE_RESOLUTION
from commands.policies.policy import Policy

ALL_POLICIES: tuple[Policy, ...] = (ANNOUNCE_RESOLUTION, NOTE_BUDGET_USE)

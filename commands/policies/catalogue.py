"""Which policies are there?"""

from commands.policies.allowances import NOTICE_EXHAUSTION
from commands.policies.budgets import NOTE_BUDGET_USE
from commands.policies.incidents import ANNOUNCE_RESOLUTION
from commands.policies.policy import Policy

ALL_POLICIES: tuple[Policy, ...] = (ANNOUNCE_RESOLUTION, NOTICE_EXHAUSTION, NOTE_BUDGET_USE)

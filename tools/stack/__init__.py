"""Programs that compute with the stack, package it, deploy it, or rehearse its deployment.

advisories     known vulnerabilities of the pinned packages: `make audit`
authorization  the permissions that a call of the AWS SDK needs
bytecode       bytecode for the built functions: `python -m stack.bytecode`
cost           the cost of a month: `python -m stack.cost`
deploy         the plan of a deployment, its confirmation and its execution: `python -m stack.deploy`
measure        what runs, commands and cold starts take: `python -m stack.measure.…`
package        bundles with the same bytes on every machine: `python -m stack.package`
permissions    docs/permissions.md: `python -m stack.permissions`
picture        the README's picture: `make picture`
policy         AWS's rules of policy evaluation, as far as the policies use them
rehearsal      a first deployment without an account: `python -m stack.rehearsal`
resolved       template.yaml with its intrinsic functions evaluated, for one stack in one account
written_estate the estates that measurements and the rehearsal work on
"""

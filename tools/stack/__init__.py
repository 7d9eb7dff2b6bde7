"""Programs that compute with the stack, package it, deploy it, or rehearse its deployment.

authorization  the permissions that a call of the AWS SDK needs
bytecode       bytecode for the built functions: `python -m stack.bytecode`
cost           the cost of a month: `python -m stack.cost`
deploy         the plan of a deployment, its confirmation and its execution: `python -m stack.deploy`
package        bundles with the same bytes on every machine: `python -m stack.package`
policy         AWS's rules of policy evaluation, as far as the policies use them
rehearsal      a first deployment without an account: `python -m stack.rehearsal`
resolved       template.yaml with its intrinsic functions evaluated, for one stack in one account
"""

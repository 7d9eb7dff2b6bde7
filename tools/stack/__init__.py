"""Programs for the stack as AWS would have it; none is deployed.

resolved      template.yaml with every intrinsic function evaluated, as one stack in one account would be made
policy        AWS's rules of policy evaluation, as far as our policies use them
authorization what a call of the AWS SDK asks IAM for
cost          what a month costs: `python -m stack.cost`
bytecode      nothing is compiled at a cold start: `python -m stack.bytecode`
deploy        shows what a deployment would change, and refuses to give the address away
package       bundles that come out the same, byte for byte: `python -m stack.package`
observed      the calls that the local AWS gets, with what they are about
rehearsal     the built bundles alone on their import path, driven by the AWS CLI: `python -m stack.rehearsal`
              second half: rehearsal_emulator, _deployed, _permissions, _watching, _enforced; ministack_repaired
"""

"""A first deployment and its first run, without an account. Two halves.

The bundles that `sam build` made run in their own processes, on the runtime's own Python, with nothing on their import
path but themselves, the layer and the standard library. The AWS CLI starts the execution, follows it, reads its
history and fetches the certificates. `tools/local` plays AWS, the simulator plays SCM.

Then `make deploy` deploys both stacks to ministack, an emulator that enforces IAM.

bundles             the layer for this machine, the functions in isolation, the check of their bytecode
by_cli              the first half: a run followed by the AWS CLI
enforced            the second half; its steps are in deployed and watching
deployed            both templates deployed, and a run for one certificate
watching            the schedule and the alarms
emulator            the process of ministack
ministack_repaired  ministack with repairs, run by the Python of its own environment
"""

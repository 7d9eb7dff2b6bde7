"""Programs that measure: `python -m stack.measure.<name>`.

cold_start        what a cold start of each function takes of the processor
command_times     what the operator's commands take of the processor
daily_run         what check_expiry and report take in a daily run, by the size of the estate
local_run         what a whole local run takes, by the size of the estate
mass_replacement  how long replacing thousands of certificates takes, by a model in virtual time: `make scale`
one_renewal       the requests to SCM, calls of AWS and transitions of one renewal
verification      how long verify_served takes for 1,000 endpoints
invocation        one invocation of a handler, for daily_run and verification
"""

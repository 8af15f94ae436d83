import { killThenCutTests, powerCutTests } from '../faults/suites.ts'

powerCutTests(24)
killThenCutTests({ limit: 6, every: 15, everyKill: 1 })

import { killThenCutTests, powerCutTests } from '../faults/suites.ts'

powerCutTests(16)
killThenCutTests({ limit: 6, every: 15, everyKill: 3 })

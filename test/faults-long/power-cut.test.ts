import { killThenCutTests, powerCutTests } from '../faults/suites.ts'

powerCutTests(16)
killThenCutTests({ limit: 4, every: 25, everyKill: 4 })

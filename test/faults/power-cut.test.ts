import { killThenCutTests, powerCutTests } from './suites.ts'

powerCutTests(4)
killThenCutTests({ limit: 3, every: 40, everyKill: 9 })

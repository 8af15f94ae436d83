import { killThenCutTests, powerCutTests } from './suites.ts'

powerCutTests(3)
killThenCutTests({ limit: 2, every: 40, everyKill: 13 })

import { failureTests } from '../faults/suites.ts'

failureTests(1)

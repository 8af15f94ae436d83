import { interleavingTests } from '../faults/suites.ts'

interleavingTests(1500)

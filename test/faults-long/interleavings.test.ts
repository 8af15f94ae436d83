import { interleavingTests } from '../faults/suites.ts'

interleavingTests(600)

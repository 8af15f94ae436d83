import { interleavingTests } from './suites.ts'

interleavingTests(100)

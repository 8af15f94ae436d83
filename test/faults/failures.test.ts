import { failureTests } from './suites.ts'

failureTests(6)

/**
 * Finds promises that nobody waits for, with the compiler's types: those of Node and of dependencies too, which the
 * linter does not see. `void start()` says that it is meant. (A promise as a condition is a type error already.)
 */
import {
  type Expression,
  isArrowFunction,
  isAwaitExpression,
  isBinaryExpression,
  isCallExpression,
  isExpressionStatement,
  isFunctionExpression,
  isIdentifier,
  isImportDeclaration,
  isParenthesizedExpression,
  isPropertyAccessExpression,
  isStringLiteral,
  isVoidExpression,
  type Node,
  SyntaxKind,
} from 'typescript/unstable/ast'
import { type Checker, SignatureKind, type Type, TypeFlags } from 'typescript/unstable/sync'
import { descendants, type Finding, finding, type ProjectFile, readProject, report } from './project.ts'

report(readProject(process.cwd(), ({ checker, files }) => files.flatMap((file) => findUnawaited(checker, file))))

function findUnawaited(checker: Checker, file: ProjectFile): Finding[] {
  const testFunctions = importedNames(file, 'node:test')
  return descendants(file.source).flatMap((node) => {
    if (isExpressionStatement(node) && !isRegistration(node.expression, testFunctions) && isForgotten(checker, node.expression))
      return [finding(file, node, 'a promise that nobody waits for: await it, or say "void" before it and handle its error')]
    if (isAsyncFunction(node) && isExpectedToReturnVoid(checker, node))
      return [finding(file, node, 'an async function where nobody waits for what it returns: its error would end the process')]
    return []
  })
}

/** `test(…)` and its kin return a promise that the test runner itself waits for. */
function isRegistration(expression: Expression, testFunctions: ReadonlySet<string>): boolean {
  return isCallExpression(expression) && isIdentifier(expression.expression) && testFunctions.has(expression.expression.text)
}

function importedNames(file: ProjectFile, module: string): Set<string> {
  const declarations = file.source.statements.filter(isImportDeclaration)
  const ofModule = declarations.filter(({ moduleSpecifier }) => isStringLiteral(moduleSpecifier) && moduleSpecifier.text === module)
  return new Set(ofModule.flatMap(({ importClause }) => (importClause ? descendants(importClause).filter(isIdentifier) : [])).map(({ text }) => text))
}

function isForgotten(checker: Checker, expression: Expression): boolean {
  if (isParenthesizedExpression(expression)) return isForgotten(checker, expression.expression)
  if (isVoidExpression(expression) || isAwaitExpression(expression) || isAssignment(expression) || isHandled(expression)) return false
  const type = checker.getTypeAtLocation(expression)
  return type !== undefined && isOrHoldsPromise(checker, type)
}

function isAssignment(expression: Expression): boolean {
  if (!isBinaryExpression(expression)) return false
  const { kind } = expression.operatorToken
  return kind >= SyntaxKind.FirstAssignment && kind <= SyntaxKind.LastAssignment
}

/** `.catch(f)` and `.then(f, g)`, whatever `.finally` comes after. */
function isHandled(expression: Expression): boolean {
  if (!isCallExpression(expression) || !isPropertyAccessExpression(expression.expression)) return false
  const { name, expression: promise } = expression.expression
  const count = expression.arguments.length
  if (name.text === 'finally') return isHandled(promise)
  return (name.text === 'catch' && count >= 1) || (name.text === 'then' && count >= 2)
}

/** Also `Promise<void> | undefined`, and the list that `map` makes of async functions. */
function isOrHoldsPromise(checker: Checker, type: Type): boolean {
  if (type.flags & (TypeFlags.Any | TypeFlags.Never)) return false
  if (type.isUnionType()) return type.getTypes().some((member) => isOrHoldsPromise(checker, member))
  if (checker.isArrayType(type) && type.isTypeReference()) return checker.getTypeArguments(type).some((item) => isOrHoldsPromise(checker, item))
  return checker.getPropertyOfType(type, 'then') !== undefined
}

function isAsyncFunction(node: Node): node is Expression {
  return (isArrowFunction(node) || isFunctionExpression(node)) && (node.modifiers?.some(({ kind }) => kind === SyntaxKind.AsyncKeyword) ?? false)
}

function isExpectedToReturnVoid(checker: Checker, expression: Expression): boolean {
  const expected = checker.getContextualType(expression)
  const results = (expected ? checker.getSignaturesOfType(expected, SignatureKind.Call) : []).map((signature) => checker.getReturnTypeOfSignature(signature))
  return results.length > 0 && results.every((type) => type !== undefined && (type.flags & TypeFlags.Void) !== 0)
}

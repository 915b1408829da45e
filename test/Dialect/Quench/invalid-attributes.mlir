// RUN: quench-opt-plain %s -verify-diagnostics -split-input-file

module attributes {quench.symbols = {n = [1]}} {
  // expected-error @below {{dimension 'm' of argument 0 is not in quench.symbols}}
  func.func @argument(%x: tensor<?x4xf32> {quench.name = "x", quench.dims = ["m"]})
      attributes {quench.entry} {
    return
  }
}

// -----

module attributes {quench.symbols = {n = [1]}} {
  // expected-error @below {{dimension 'm' of result 0 is not in quench.symbols}}
  func.func @result(%x: tensor<?x4xf32> {quench.name = "x", quench.dims = ["n"]})
      -> (tensor<?x4xf32> {quench.name = "y", quench.dims = ["m"]})
      attributes {quench.entry} {
    return %x : tensor<?x4xf32>
  }
}

// -----

// expected-error @below {{expected quench.symbols to be a dictionary, found [1]}}
module attributes {quench.symbols = [1]} {}

// -----

// expected-error @below {{expected bounds [min] or [min, max] of symbol 'batch', found [1, 2, 3]}}
module attributes {quench.symbols = {batch = [1, 2, 3]}} {}

// -----

// expected-error @below {{expected bounds [min] or [min, max] of symbol 'batch', found "any"}}
module attributes {quench.symbols = {batch = "any"}} {}

// -----

// expected-error @below {{expected 0 <= min <= max for symbol 'batch', found [4, 2]}}
module attributes {quench.symbols = {batch = [4, 2]}} {}

// -----

// expected-error @below {{expected quench.archives to be a dictionary, found "model.safetensors"}}
module attributes {quench.archives = "model.safetensors"} {}

// -----

// expected-error @below {{expected the path of archive 'model' as a string, found 3 : i64}}
module attributes {quench.archives = {model = 3 : i64}} {}

// -----

// expected-error @below {{expected quench.model_type to be a string, found 3 : i64}}
module attributes {quench.model_type = 3 : i64} {}

// -----

// expected-error @below {{expected quench.tokenizer to be a dictionary, found "wordpiece"}}
module attributes {quench.tokenizer = "wordpiece"} {}

// -----

// expected-error @below {{expected quench.entry on a function}}
module attributes {quench.entry} {}

// -----

// expected-error @below {{expected quench.entry to be a unit attribute, found true}}
func.func @f() attributes {quench.entry = true} {
  return
}

// -----

// expected-error @below {{expected an entry point to be public}}
func.func private @f() attributes {quench.entry}

// -----

// expected-error @below {{name 'a' of argument 1 is that of argument 0}}
func.func @f(%a: tensor<2xf32> {quench.name = "a"}, %b: tensor<2xf32> {quench.name = "a"}) attributes {quench.entry} {
  return
}

// -----

// expected-error @below {{name 'r' of result 1 is that of result 0}}
func.func @f(%a: tensor<2xf32>) -> (tensor<2xf32> {quench.name = "r"}, tensor<2xf32> {quench.name = "r"}) attributes {quench.entry} {
  return %a, %a : tensor<2xf32>, tensor<2xf32>
}

// -----

// expected-error @below {{result 0 updates 'a', which is no argument of role state}}
func.func @f(%a: tensor<2xf32> {quench.name = "a"}) -> (tensor<2xf32> {quench.name = "r", quench.state = "a"}) attributes {quench.entry} {
  return %a : tensor<2xf32>
}

// -----

// expected-error @below {{result 0 of type 'tensor<3xf32>' updates state 'a' of type 'tensor<2xf32>'}}
func.func @f(%a: tensor<2xf32> {quench.name = "a", quench.role = "state"}, %b: tensor<3xf32>) -> (tensor<3xf32> {quench.name = "r", quench.state = "a"}) attributes {quench.entry} {
  return %b : tensor<3xf32>
}

// -----

// expected-error @below {{expected quench.name of argument 0 to be a non-empty string, found ""}}
func.func @f(%a: tensor<2xf32> {quench.name = ""}) {
  return
}

// -----

// expected-error @below {{expected quench.dims of argument 0 to be an array of strings, found "batch"}}
func.func @f(%a: tensor<2xf32> {quench.dims = "batch"}) {
  return
}

// -----

// expected-error @below {{expected 2 names of dynamic dimensions of argument 0 of type 'tensor<?x?xf32>', found ["batch"]}}
func.func @f(%a: tensor<?x?xf32> {quench.dims = ["batch"]}) {
  return
}

// -----

// expected-error @below {{expected quench.role of argument 0 to be "data", "state" or "position", found "cache"}}
func.func @f(%a: tensor<2xf32> {quench.role = "cache"}) {
  return
}

// -----

// expected-error @below {{expected quench.default of argument 0 to be a number for type 'tensor<2xi64>', found 1.000000e+00 : f64}}
func.func @f(%a: tensor<2xi64> {quench.default = 1.0 : f64}) {
  return
}

// -----

// expected-error @below {{expected quench.default of argument 0 to be a number for type 'tensor<2xi64>', found "one"}}
func.func @f(%a: tensor<2xi64> {quench.default = "one"}) {
  return
}

// -----

// expected-error @below {{expected quench.range of argument 0 to be two integers, low < high, found array<i64: 4, 4>}}
func.func @f(%a: tensor<2xi64> {quench.range = array<i64: 4, 4>}) {
  return
}

// -----

// expected-error @below {{expected quench.range on an integer argument, found argument 0 of type 'tensor<2xf32>'}}
func.func @f(%a: tensor<2xf32> {quench.range = array<i64: 0, 4>}) {
  return
}

// -----

// expected-error @below {{unknown attribute quench.rank of argument 0}}
func.func @f(%a: tensor<2xf32> {quench.rank = "x"}) {
  return
}

// -----

// expected-error @below {{expected quench.state of result 0 to be a string, found 3 : i64}}
func.func @f(%a: tensor<2xf32>) -> (tensor<2xf32> {quench.state = 3 : i64}) {
  return %a : tensor<2xf32>
}

// -----

// expected-error @below {{unknown attribute quench.role of result 0}}
func.func @f(%a: tensor<2xf32>) -> (tensor<2xf32> {quench.role = "state"}) {
  return %a : tensor<2xf32>
}

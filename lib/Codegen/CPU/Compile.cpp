//===- Compile.cpp - From IR to machine code ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Compile.h"

#include "SplitKernels.h"

#include "Quench/Codegen/CPU/KernelCache.h"
#include "Quench/Codegen/CPU/Pipeline.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/Hash.h"
#include "quench-rt/quench_rt.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Threading.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Scalar/DCE.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"

using namespace mlir;
using namespace quench;

/// Room for `bytes` bytes of parameters, from the caller or of our own.
static llvm::Expected<llvm::MutableArrayRef<char>>
allocatePayload(const CompileOptions &options, uint64_t bytes,
                llvm::sys::OwningMemoryBlock &owned) {
  if (options.allocatePayload)
    return options.allocatePayload(bytes);
  if (bytes == 0)
    return llvm::MutableArrayRef<char>();
  std::error_code code;
  owned = llvm::sys::OwningMemoryBlock(llvm::sys::Memory::allocateMappedMemory(
      bytes, nullptr, llvm::sys::Memory::MF_READ | llvm::sys::Memory::MF_WRITE,
      code));
  if (code)
    return makeError("no memory for ", bytes,
                     " bytes of parameters: ", describe(code));
  return llvm::MutableArrayRef<char>(static_cast<char *>(owned.base()), bytes);
}

/// Adds the qrt_model that the object exports.
static void addModel(llvm::Module &module, ArrayRef<std::string> entries,
                     StringRef manifest, StringRef symbol) {
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::getUnqual(context);
  auto *i32 = llvm::Type::getInt32Ty(context);
  auto *i64 = llvm::Type::getInt64Ty(context);
  auto addConstant = [&](llvm::Constant *value, const llvm::Twine &name) {
    auto *global = new llvm::GlobalVariable(
        module, value->getType(), /*isConstant=*/true,
        llvm::GlobalValue::PrivateLinkage, value, name);
    global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
    return global;
  };

  SmallVector<llvm::Constant *> functions;
  for (StringRef entry : entries) {
    llvm::Function *function =
        module.getFunction(("_mlir_ciface_" + entry).str());
    function->setName("entry." + entry);
    functions.push_back(function);
  }
  llvm::Constant *table = llvm::ConstantArray::get(
      llvm::ArrayType::get(pointer, functions.size()), functions);
  llvm::Constant *text =
      llvm::ConstantDataArray::getString(context, manifest, /*AddNull=*/true);
  llvm::Constant *fields[] = {llvm::ConstantInt::get(i32, QRT_ABI_VERSION),
                              llvm::ConstantInt::get(i32, functions.size()),
                              addConstant(text, "manifest"),
                              llvm::ConstantInt::get(i64, manifest.size()),
                              addConstant(table, "entries"),
                              llvm::ConstantPointerNull::get(pointer),
                              llvm::ConstantInt::get(i64, 0)};
  llvm::Constant *model = llvm::ConstantStruct::getAnon(fields);
  if (llvm::GlobalValue *other = module.getNamedValue(symbol))
    other->setName(symbol + ".code");
  new llvm::GlobalVariable(module, model->getType(), /*isConstant=*/true,
                           llvm::GlobalValue::ExternalLinkage, model, symbol);
}

/// Says of every function which processor it is for, that nothing outside calls
/// it, and that its code is there once.
static void setAttributes(llvm::Module &module, const CPUTarget &target) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    function.setDoesNotThrow();
    // What layers share would be inlined into each of them.
    if (function.hasNUsesOrMore(3))
      function.addFnAttr(llvm::Attribute::NoInline);
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("target-features", target.features);
    // Some processors are tuned for narrower vectors than they have.
    function.addFnAttr("prefer-vector-width",
                       std::to_string(8 * target.vectorBytes()));
  }
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  bool isAsked = machine.getOptLevel() != llvm::CodeGenOptLevel::None;
  // Kernels come unrolled; what else there is gains less from it than the
  // several times longer compilation is worth.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = false;
  tuning.LoopInterleaving = false;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = true;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::ModulePassManager passes = builder.buildPerModuleDefaultPipeline(
      isAsked ? llvm::OptimizationLevel::O3 : llvm::OptimizationLevel::O0);
  if (!isAsked) {
    // Values of buffer descriptors that are put together and taken apart would
    // keep whole functions from fast instruction selection.
    llvm::FunctionPassManager simplify;
    simplify.addPass(llvm::EarlyCSEPass());
    simplify.addPass(llvm::DCEPass());
    passes.addPass(createModuleToFunctionPassAdaptor(std::move(simplify)));
  }
  passes.run(module, modules);
}

/// The text or the object for `module`, which is changed by it.
static llvm::Error emit(llvm::Module &module, llvm::TargetMachine &machine,
                        CPUOutput kind, llvm::SmallVectorImpl<char> &output) {
  std::string errors;
  llvm::raw_string_ostream errorStream(errors);
  module.getContext().setDiagnosticHandlerCallBack(
      [](const llvm::DiagnosticInfo *info, void *stream) {
        if (info->getSeverity() != llvm::DS_Error)
          return;
        llvm::DiagnosticPrinterRawOStream printer(
            *static_cast<llvm::raw_ostream *>(stream));
        info->print(printer);
      },
      &errorStream);
  if (llvm::verifyModule(module, &errorStream))
    return makeError("broken LLVM IR: ", errors);
  optimize(module, machine);

  llvm::raw_svector_ostream stream(output);
  if (kind == CPUOutput::LLVM) {
    stream << module;
  } else {
    llvm::legacy::PassManager passes;
    if (machine.addPassesToEmitFile(passes, stream, nullptr,
                                    kind == CPUOutput::Assembly
                                        ? llvm::CodeGenFileType::AssemblyFile
                                        : llvm::CodeGenFileType::ObjectFile))
      return makeError("the code generator cannot write this kind of file");
    passes.run(module);
  }
  if (!errors.empty())
    return makeError("the code generator failed: ", errors);
  return llvm::Error::success();
}

/// The object of the module `bitcode`, from `cache` where that has it.
static llvm::Error compilePart(ArrayRef<char> bitcode, const CPUTarget &target,
                               KernelCache *cache,
                               llvm::SmallString<0> &object) {
  std::string key;
  if (cache) {
    key = cache->getKey(bitcode, target);
    if (std::optional<llvm::SmallString<0>> found = cache->find(key)) {
      object = std::move(*found);
      return llvm::Error::success();
    }
  }
  llvm::LLVMContext context;
  auto module = llvm::parseBitcodeFile(
      llvm::MemoryBufferRef({bitcode.data(), bitcode.size()}, "kernel"),
      context);
  if (!module)
    return module.takeError();
  auto machine = target.createTargetMachine();
  if (!machine)
    return machine.takeError();
  if (llvm::Error error = emit(**module, **machine, CPUOutput::Object, object))
    return error;
  if (cache)
    cache->add(key, object);
  return llvm::Error::success();
}

/// Compiles `modules` at the same time, as far as `context` has threads.
static llvm::Error compileParts(MLIRContext *context,
                                ArrayRef<std::unique_ptr<llvm::Module>> modules,
                                const CPUTarget &target, KernelCache *cache,
                                std::vector<llvm::SmallString<0>> &objects) {
  // Each thread has an LLVM context of its own, which modules enter as bits.
  std::vector<llvm::SmallString<0>> bitcode(modules.size());
  for (auto [module, bits] : llvm::zip_equal(modules, bitcode)) {
    llvm::raw_svector_ostream stream(bits);
    llvm::WriteBitcodeToFile(*module, stream);
  }
  objects.resize(modules.size());
  std::vector<std::string> failures(modules.size());
  parallelFor(context, 0, modules.size(), [&](size_t i) {
    failures[i] =
        llvm::toString(compilePart(bitcode[i], target, cache, objects[i]));
  });
  for (const std::string &failure : failures)
    if (!failure.empty())
      return makeError(failure);
  return llvm::Error::success();
}

CPUKernelOptions quench::getKernelOptions(const CPUTarget &target,
                                          const CompileOptions &compile) {
  CPUKernelOptions options;
  options.compact = !compile.optimize;
  if (compile.optimize)
    options.schedules = compile.schedules;
  if (!options.schedules.empty())
    options.level = target.getLevel().str();
  options.vectorBytes = target.vectorBytes();
  options.fma = target.hasFeature("fma");
  bool isWide = options.vectorBytes == 64;
  if (target.hasFeature(isWide ? "avx512vnni" : "avxvnni"))
    options.dot = IntegerDot::Quads;
  else if (!isWide || target.hasFeature("avx512bw"))
    options.dot = IntegerDot::Pairs;
  else
    options.dot = IntegerDot::None;
  options.narrowQuads =
      options.dot == IntegerDot::Pairs && target.hasFeature("ssse3");
  options.tiles = isWide && options.dot == IntegerDot::Quads &&
                  target.hasFeature("amx-int8");
  return options;
}

FailureOr<CompiledModel> quench::compileForCPU(ModuleOp module,
                                               const CPUTarget &target,
                                               const ArchiveSet &archives,
                                               const CompileOptions &options) {
  auto fail = [&](llvm::Error error) -> FailureOr<CompiledModel> {
    return module.emitError() << llvm::toString(std::move(error));
  };
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine =
      target.createTargetMachine();
  if (!machine)
    return fail(machine.takeError());
  if (!options.optimize) {
    (*machine)->setOptLevel(llvm::CodeGenOptLevel::None);
    (*machine)->setFastISel(true);
  }

  // Before the long work.
  if (failed(verifyParams(module, archives)))
    return failure();
  std::string text;
  llvm::raw_string_ostream(text) << module;
  ManifestInfo info;
  info.name = options.name;
  info.target = target.triple;
  info.cpu = target.name;
  info.features = target.enabledFeatures();
  info.recipe = options.recipe;
  info.hash = hashBytes(text);
  info.baseDir = options.baseDir;
  FailureOr<llvm::json::Object> manifest = buildManifest(module, info);
  if (failed(manifest))
    return failure();
  SmallVector<std::string> entries;
  for (auto func : module.getOps<func::FuncOp>())
    if (func->hasAttr(attrs::entry))
      entries.push_back(func.getName().str());

  MLIRContext *context = module.getContext();
  OwningOpRef<ModuleOp> code = module.clone();
  PassManager toPrograms(context);
  toPrograms.enableVerifier(options.verifyPasses);
  buildCPUCodegenPipeline(toPrograms, getKernelOptions(target, options));
  if (failed(toPrograms.run(*code)))
    return failure();

  // Parameters are evaluated, not compiled.
  OwningOpRef<ModuleOp> programs = ModuleOp::create(module.getLoc());
  auto params = code->lookupSymbol<func::FuncOp>("quench_params");
  params->moveBefore(programs->getBody(), programs->getBody()->end());
  PassManager toLLVM(context);
  toLLVM.enableVerifier(options.verifyPasses);
  buildCPULoweringPipeline(toLLVM);
  if (failed(toLLVM.run(*code)) || failed(verify(*code)))
    return failure();
  CompiledModel result;
  if (options.output == CPUOutput::MLIR) {
    llvm::raw_svector_ostream(result.output) << *code << "\n";
    return result;
  }

  auto bytes = params->getAttrOfType<IntegerAttr>("quench.payload_bytes");
  llvm::Expected<llvm::MutableArrayRef<char>> payload =
      allocatePayload(options, bytes.getInt(), result.ownedPayload);
  if (!payload)
    return fail(payload.takeError());
  if (failed(evaluatePayload(params, archives, *payload)))
    return failure();
  result.payload = *payload;
  addParams(*manifest, options.paramsMode, options.paramsFile, *payload);
  llvm::raw_string_ostream(result.manifest)
      << llvm::json::Value(std::move(*manifest));

  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(*code, llvmContext, "model");
  if (!llvmModule)
    return failure();
  code = nullptr;
  llvmModule->setDataLayout((*machine)->createDataLayout());
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  llvmModule->setPICLevel(llvm::PICLevel::BigPIC);
  setAttributes(*llvmModule, target);
  bool isSplit =
      options.split && options.optimize && options.output == CPUOutput::Object;
  SmallVector<std::unique_ptr<llvm::Module>> parts;
  if (isSplit)
    parts = splitKernels(*llvmModule);
  addModel(*llvmModule, entries, result.manifest, options.symbol);
  if (!isSplit) {
    if (llvm::Error error =
            emit(*llvmModule, **machine, options.output, result.output))
      return fail(std::move(error));
    return result;
  }
  // What calls the kernels takes longest, so it comes first.
  parts.insert(parts.begin(), std::move(llvmModule));
  if (llvm::Error error =
          compileParts(context, parts, target, options.cache, result.kernels))
    return fail(std::move(error));
  result.output = std::move(result.kernels.front());
  result.kernels.erase(result.kernels.begin());
  return result;
}
